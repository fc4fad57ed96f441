package builder

import (
	"testing"

	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc/encoding"
)

// Files whose names are not UTF-8 go to the builder and come from it.
func TestForeignNames(t *testing.T) {
	codec := encoding.GetCodecV2("proto")
	data, err := codec.Marshal(&types.Packet{Type: types.PACKET_STAT, Stat: &types.Stat{Path: "a\xffb"}})
	if err != nil {
		t.Fatal(err)
	}
	var got types.Packet
	if err := codec.Unmarshal(data, &got); err != nil || got.Stat.Path != "a\xffb" {
		t.Errorf("got %q, %v", got.Stat.GetPath(), err)
	}
}
