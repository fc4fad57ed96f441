package dockerfile

import "bytes"

// maxConverted is how much a Dockerfile may come to that is converted on this
// side, in lines times stages. BuildKit's frontend keeps for each stage all that
// the stages below it have set, so that a long chain takes a square of memory.
const maxConverted = 2_000_000

// Large says whether a Dockerfile takes so much memory to convert that this is
// left to the builder.
func Large(text []byte) bool {
	if len(text) < maxConverted/1000 {
		return false
	}
	stages := 0
	for line := range bytes.Lines(text) {
		if word, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" ")); bytes.EqualFold(word, []byte("FROM")) {
			stages++
		}
	}
	return stages*bytes.Count(text, []byte("\n")) > maxConverted
}
