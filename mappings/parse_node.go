package mappings

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxDepth bounds how deep a definition nests; eight is the deepest that the
// language has a use for.
const maxDepth = 50

// node is a YAML value with its place. Scalars keep their raw token.
type node struct {
	kind    nodeKind
	text    Text
	quoted  bool
	entries []entry
	items   []*node
}

type nodeKind uint8

const (
	noValue nodeKind = iota // a key without a value, null or ~
	scalarValue
	listValue
	mapValue
)

// entry is one key of a map with its value.
type entry struct {
	key   Text
	value *node
}

// String names the node's kind for messages.
func (k nodeKind) String() string {
	return [...]string{"nothing", "a text", "a list", "a map"}[k]
}

// tree parses the document's YAML. When it reports false, a problem says why.
func (p *decoder) tree() (*node, bool) {
	traps, stop := p.scanTraps()
	if stop {
		return nil, false
	}
	text := strings.Join(p.doc.repaired(p.repairs), "\n")
	file, err := parseYAML(text)
	if bad, is := errors.AsType[*yamlError](err); is {
		if !traps { // a trap's message is nearer to the truth than the parser's
			message := bad.message
			if p.private {
				message = "this cannot be read as YAML"
			}
			if p.unclosed != (Pos{}) {
				p.fail(p.unclosed, "what begins here is never closed")
				return nil, false
			}
			p.fail(p.at(bad.token), "%s", message).Hint = "if this is an expression, quote it"
		}
		return nil, false
	}
	if len(file.Docs) != 1 {
		p.fail(Pos{File: p.doc.file, Line: p.doc.first, Col: 1},
			"%d documents stand here where one is expected", len(file.Docs)).Hint = "separate definitions by a line that is exactly ---"
		return nil, false
	}
	return p.node(file.Docs[0].Body, 0), true
}

// yamlError is why a text is not YAML.
type yamlError struct {
	message string
	token   *token.Token
}

// Error gives the message without the source.
func (f *yamlError) Error() string { return f.message }

// parseYAML guards the library: it recurses without bound, so depth, tags,
// anchors and the like, which the language has no use for, are refused by the
// flat list of tokens before anything recurses.
func parseYAML(text string) (file *ast.File, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			file, err = nil, &yamlError{message: "this cannot be read as YAML"}
		}
	}()
	tokens := lexer.Tokenize(text)
	if fault := refused(tokens); fault != nil {
		return nil, fault
	}
	file, err = yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	fault := &yamlError{message: "this cannot be read as YAML"}
	var told interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &told) {
		fault.token = told.GetToken()
		fault.message = "this cannot be read as YAML: " + told.GetMessage()
	}
	return nil, fault
}

// refused finds tokens that no definition may hold, and nesting too deep: open
// brackets together with the dashes of one line.
func refused(tokens token.Tokens) *yamlError {
	brackets, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		what := ""
		switch t.Type { //nolint:exhaustive // the rest is welcome
		case token.TagType:
			what = "a value that begins with ! is a tag in YAML"
		case token.AnchorType:
			what = "a value that begins with & is an anchor in YAML"
		case token.AliasType:
			what = "a value that begins with * is an alias in YAML"
		case token.MergeKeyType:
			what = "definitions have no merge keys"
		case token.MappingKeyType:
			what = "a value that begins with ? is a complex key in YAML"
		case token.DirectiveType:
			what = "a value that begins with % is a directive in YAML"
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		case token.SequenceEntryType:
			dashes++
		}
		if brackets+dashes > maxDepth {
			what = fmt.Sprintf("this nests more than %d deep", maxDepth)
		}
		if what != "" {
			return &yamlError{message: what, token: t}
		}
	}
	return nil
}

// at gives a token's place in the file, as it was before repairs.
func (p *decoder) at(t *token.Token) Pos {
	pos := Pos{File: p.doc.file, Line: p.doc.first, Col: 1}
	if t == nil || t.Position == nil {
		return pos
	}
	line := t.Position.Line - 1
	pos.Line = p.doc.first + max(0, min(line, len(p.doc.lines)-1))
	pos.Col = originalColumn(p.repairs, line, max(1, t.Position.Column))
	return pos
}

// inside gives the place of the first character in quotes.
func (p *decoder) inside(t *token.Token) Pos {
	pos := p.at(t)
	pos.Col = originalColumn(p.repairs, t.Position.Line-1, t.Position.Column+1)
	return pos
}

// node turns the library's tree into ours.
func (p *decoder) node(n ast.Node, depth int) *node {
	if n == nil {
		return &node{kind: noValue, text: Text{Pos: p.at(nil)}}
	}
	if depth > maxDepth {
		p.fail(p.at(n.GetToken()), "this nests more than %d deep", maxDepth)
		return &node{kind: noValue, text: Text{Pos: p.at(n.GetToken())}}
	}
	switch x := n.(type) {
	case *ast.MappingNode:
		made := &node{kind: mapValue, text: Text{Pos: p.at(x.GetToken())}}
		if len(x.Values) > 0 && !x.IsFlowStyle {
			made.text.Pos = p.at(x.Values[0].Key.GetToken())
		}
		for _, v := range x.Values {
			made.entries = append(made.entries, p.entry(v, depth))
		}
		return made
	case *ast.MappingValueNode:
		return &node{kind: mapValue, text: Text{Pos: p.at(x.Key.GetToken())}, entries: []entry{p.entry(x, depth)}}
	case *ast.SequenceNode:
		made := &node{kind: listValue, text: Text{Pos: p.at(x.GetToken())}}
		for _, v := range x.Values {
			made.items = append(made.items, p.node(v, depth+1))
		}
		return made
	case *ast.NullNode:
		return &node{kind: noValue, text: Text{Pos: p.at(x.GetToken())}}
	case *ast.LiteralNode:
		value := strings.TrimSuffix(x.Value.GetToken().Value, "\n")
		return &node{kind: scalarValue, text: Text{Value: value, Pos: p.at(x.GetToken())}, quoted: true}
	default:
		t := n.GetToken()
		made := &node{kind: scalarValue, text: Text{Value: t.Value, Pos: p.at(t)}}
		if made.quoted = t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType; made.quoted {
			made.text.Pos = p.inside(t)
		}
		return made
	}
}

func (p *decoder) entry(v *ast.MappingValueNode, depth int) entry {
	key := v.Key.GetToken()
	return entry{key: Text{Value: key.Value, Pos: p.at(key)}, value: p.node(v.Value, depth+1)}
}
