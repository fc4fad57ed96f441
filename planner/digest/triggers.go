package digest

import "encoding/json"

// triggersOf are the ONBUILD instructions of a configuration.
func triggersOf(config []byte) []string {
	var img struct {
		Config struct{ OnBuild []string }
	}
	if json.Unmarshal(config, &img) != nil {
		return nil
	}
	return img.Config.OnBuild
}

func hasTriggers(config []byte) bool { return len(triggersOf(config)) > 0 }
