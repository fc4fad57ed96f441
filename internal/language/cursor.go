package language

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// frameKind says what a bracket in a definition opens.
type frameKind int

const (
	blockFrame  frameKind = iota // the body of a block
	objectFrame                  // { … } as a value
	listFrame                    // [ … ]
	callFrame                    // the arguments of a function, or parentheses
	textFrame                    // "…" or a heredoc
	interpFrame                  // ${ … } in a text
)

// frame is a bracket that is open at the cursor.
type frame struct {
	kind frameKind
	// name is the kind of a block, or the function that is called.
	name, label string
	start       int // behind the bracket
	// key is the attribute or key whose value the cursor is in; "" where a name
	// is expected.
	key string
	// keys are those that were written before.
	keys []string
}

// cursorPlace is what a cursor in a definition is in. It is found from the tokens alone, so
// that it is right where the text is not.
type cursorPlace struct {
	frames []frame
	// word is what is written before the cursor, from start on.
	word  string
	start int
	// path is a reference before the word, as in target.app.
	path []string
}

// top is the innermost frame, or nil at the top of the file.
func (p *cursorPlace) top() *frame {
	if len(p.frames) == 0 {
		return nil
	}
	return &p.frames[len(p.frames)-1]
}

// block is the innermost block, or nil.
func (p *cursorPlace) block() *frame {
	for i := len(p.frames) - 1; i >= 0; i-- {
		if p.frames[i].kind == blockFrame {
			return &p.frames[i]
		}
	}
	return nil
}

// outer is the outermost block, or nil.
func (p *cursorPlace) outer() *frame {
	if len(p.frames) == 0 || p.frames[0].kind != blockFrame {
		return nil
	}
	return &p.frames[0]
}

// inText says that the cursor is in a text, and not in an expression of it.
func (p *cursorPlace) inText() bool { return p.top() != nil && p.top().kind == textFrame }

// keys are those of the objects around the cursor, inside of the attribute.
func (p *cursorPlace) keys() []string {
	var out []string
	for _, f := range p.frames {
		if f.kind == blockFrame {
			out = nil
		}
		if f.kind == objectFrame {
			out = append(out, f.key)
		}
	}
	return out
}

// findCursor reads the tokens before a byte.
func findCursor(text []byte, offset int) *cursorPlace {
	p := &cursorPlace{start: offset}
	for begin := 0; begin < offset; {
		begin = p.tokens(text, begin, offset)
	}
	p.findWord(text, offset)
	return p
}

// tokens goes over the tokens of a part of a text. It stops behind a line that ends in
// the middle of a text in quotes, whose other quote is missing, and returns where
// to go on.
func (p *cursorPlace) tokens(text []byte, begin, end int) int {
	tokens, _ := hclsyntax.LexConfig(text[begin:end], "", hcl.Pos{Byte: begin, Line: 1, Column: 1})
	var words []string // since the statement began
	var last hclsyntax.Token
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenQuotedNewline {
			p.closeFrame(hclsyntax.TokenCQuote)
			p.token(hclsyntax.Token{Type: hclsyntax.TokenNewline}, last, nil)
			return t.Range.End.Byte
		}
		words = p.token(t, last, words)
		if t.Type != hclsyntax.TokenEOF {
			last = t
		}
	}
	return end
}

// token goes over one token; words are those of the statement at hand.
func (p *cursorPlace) token(t, last hclsyntax.Token, words []string) []string {
	top := p.top()
	switch t.Type {
	case hclsyntax.TokenOBrace:
		p.openBrace(t, words)
		return nil
	case hclsyntax.TokenOBrack:
		p.frames = append(p.frames, frame{kind: listFrame, start: t.Range.End.Byte})
	case hclsyntax.TokenOParen:
		f := frame{kind: callFrame, start: t.Range.End.Byte}
		if last.Type == hclsyntax.TokenIdent && last.Range.End.Byte == t.Range.Start.Byte {
			f.name = string(last.Bytes)
		}
		p.frames = append(p.frames, f)
	case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
		p.frames = append(p.frames, frame{kind: textFrame, start: t.Range.End.Byte})
	case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		p.frames = append(p.frames, frame{kind: interpFrame, start: t.Range.End.Byte})
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		p.closeFrame(t.Type)
		if t.Type == hclsyntax.TokenCBrace && (p.top() == nil || p.top().kind == blockFrame && p.top().key == "") {
			return nil
		}
	case hclsyntax.TokenIdent, hclsyntax.TokenQuotedLit:
		return append(words, string(t.Bytes))
	case hclsyntax.TokenEqual, hclsyntax.TokenColon:
		if top != nil && (top.kind == blockFrame || top.kind == objectFrame) && top.key == "" && len(words) > 0 {
			top.key = words[len(words)-1]
			top.keys = append(top.keys, top.key)
		}
	case hclsyntax.TokenNewline:
		if top == nil || top.kind == blockFrame || top.kind == objectFrame {
			if top != nil {
				top.key = ""
			}
			return nil
		}
	case hclsyntax.TokenComma:
		if top != nil && top.kind == objectFrame {
			top.key = ""
			return nil
		}
	}
	return words
}

// openBrace begins a block behind its kind, and else an object.
func (p *cursorPlace) openBrace(t hclsyntax.Token, words []string) {
	f := frame{kind: objectFrame, start: t.Range.End.Byte}
	if top := p.top(); (top == nil || top.kind == blockFrame && top.key == "") && len(words) > 0 {
		f.kind, f.name = blockFrame, words[0]
		if len(words) > 1 {
			f.label = words[1]
		}
	}
	p.frames = append(p.frames, f)
}

// closeFrame ends the frame that a bracket closes, and what was left open in it.
func (p *cursorPlace) closeFrame(t hclsyntax.TokenType) {
	closes := map[hclsyntax.TokenType][]frameKind{
		hclsyntax.TokenCBrace: {blockFrame, objectFrame}, hclsyntax.TokenCBrack: {listFrame}, hclsyntax.TokenCParen: {callFrame},
		hclsyntax.TokenCQuote: {textFrame}, hclsyntax.TokenCHeredoc: {textFrame}, hclsyntax.TokenTemplateSeqEnd: {interpFrame},
	}[t]
	for i := len(p.frames) - 1; i >= 0; i-- {
		if slices.Contains(closes, p.frames[i].kind) {
			p.frames = p.frames[:i]
			return
		}
		if p.frames[i].kind == blockFrame {
			return // a bracket too many
		}
	}
}

// findWord finds the word before the cursor: in a text all of it, else letters.
func (p *cursorPlace) findWord(text []byte, offset int) {
	if p.inText() {
		p.start = min(p.top().start, offset)
		p.word = string(text[p.start:offset])
		return
	}
	word := func(end int) int {
		start := end
		for start > 0 && isWord(text[start-1]) {
			start--
		}
		return start
	}
	p.start = word(offset)
	p.word = string(text[p.start:offset])
	for at := p.start; at > 0 && text[at-1] == '.'; {
		start := word(at - 1)
		if start == at-1 {
			break
		}
		p.path = append([]string{string(text[start : at-1])}, p.path...)
		at = start
	}
}

func isWord(b byte) bool {
	return b == '_' || b == '-' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}
