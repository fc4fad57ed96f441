package screen

import (
	"io"
	"log"

	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/internal/mask"
)

// NoNotes discards what orch and BuildKit's packages note of their own work: it is
// about their insides.
func NoNotes() {
	logrus.SetOutput(io.Discard)
	log.SetOutput(io.Discard)
}

// Notes sends what orch and BuildKit's packages note of their own work to standard
// error, for --debug.
func Notes(e *cli.Env, mask *mask.Mask) {
	log.SetOutput(maskedWriter{e.Stderr, mask})
	logrus.SetLevel(logrus.DebugLevel)
	logrus.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true, TimestampFormat: "15:04:05.000"})
	logrus.SetOutput(maskedWriter{e.Stderr, mask})
}

// maskedWriter keeps secrets out of a log whose every write is a whole line.
type maskedWriter struct {
	w    io.Writer
	mask *mask.Mask
}

func (m maskedWriter) Write(line []byte) (int, error) {
	if _, err := io.WriteString(m.w, m.mask.Text(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}
