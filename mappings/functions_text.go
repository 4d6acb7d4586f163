package mappings

import (
	"errors"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"

	"github.com/syncline-dev/syncline/internal/record"
)

func textHelpers() []helper {
	return []helper{
		{
			name: "lower", params: []string{"text"}, gives: "string", text: textMap{of: strings.ToLower, appendTo: appendLower},
			doc:      "The text in small letters.",
			examples: []example{{`lower("Bob@X.com")`, "bob@x.com"}, {`lower(nothing)`, "NULL"}},
		},
		{
			name: "upper", params: []string{"text"}, gives: "string", text: textMap{of: strings.ToUpper, appendTo: appendUpper},
			doc: "The text in capital letters.", examples: []example{{`upper("de")`, "DE"}},
		},
		{
			name: "trim", params: []string{"text", "chars?"}, gives: "string", call: trim, text: mapText(strings.TrimSpace),
			doc:      "The text without white space, or without the given characters, at both ends.",
			examples: []example{{`trim("  Ada ")`, "Ada"}, {`trim("--7--", "-")`, "7"}},
		},
		{
			name: "nfc", params: []string{"text"}, gives: "string", text: mapText(norm.NFC.String),
			doc:      "The text with its accents composed (Unicode NFC). Comparing does that by itself.",
			examples: []example{{`nfc("e\u0301")`, "é"}},
		},
		{
			name: "before", params: []string{"text", "separator"}, gives: "string", call: before,
			doc:      "What stands before the first separator; the whole text if there is none.",
			examples: []example{{`before("Ada King Lovelace", " ")`, "Ada"}, {`before("Cher", " ")`, "Cher"}},
		},
		{
			name: "after", params: []string{"text", "separator"}, gives: "string", call: after,
			doc:      "What stands after the first separator; NULL if there is none.",
			examples: []example{{`after("Ada King Lovelace", " ")`, "King Lovelace"}, {`after("Cher", " ")`, "NULL"}},
		},
		{
			name: "words", params: []string{"text"}, gives: "list<string>", call: wordsOf,
			doc:      "The words of the text: what stands between white space.",
			examples: []example{{`words(" Ada  Lovelace ")`, `["Ada","Lovelace"]`}, {`words("Ada Lovelace")[-1]`, "Lovelace"}},
		},
		{
			name: "digits", params: []string{"value"}, gives: "string", call: digits,
			doc:      "The digits of the text and nothing else.",
			examples: []example{{`digits("+49 (0)171-23")`, "49017123"}},
		},
		{
			name: "phone", params: []string{"text", "region?"}, gives: "string", make: makePhone,
			doc: "The telephone number in the one form E.164. Numbers without + and country need their region. " +
				"What is no number is a fault of the record; an empty text is NULL.",
			examples: []example{{`phone("+49 171 234 5678")`, "+491712345678"}, {`phone("(0171) 234-5678", "DE")`, "+491712345678"}},
		},
		{
			name: "email_domain", params: []string{"text"}, gives: "string", call: emailDomain,
			doc:      "The domain of an e-mail address in small letters; NULL if it has none.",
			examples: []example{{`email_domain("Bob@X.com")`, "x.com"}},
		},
		{
			name: "concat", params: []string{"values…"}, gives: "string", nulls: true, call: concat,
			doc:      "The values as one text; NULL is left out.",
			examples: []example{{`concat("A-", 7, nothing)`, "A-7"}},
		},
		{
			name: "join", params: []string{"list", "separator?"}, gives: "string", nulls: true, call: join,
			doc:      "The elements as one text with the separator between them; NULL is left out, and nothing at all is NULL.",
			examples: []example{{`join(["Ada", nothing, "Lovelace"], " ")`, "Ada Lovelace"}, {`join([nothing], " ")`, "NULL"}},
		},
		{
			name: "split", params: []string{"text", "separator"}, gives: "list<string>", call: split,
			doc:      "The parts of the text between the separators.",
			examples: []example{{`split("a;b;c", ";")`, `["a","b","c"]`}},
		},
		{
			name: "replace", params: []string{"text", "old", "new"}, gives: "string", call: replace,
			doc: "The text with every `old` replaced.", examples: []example{{`replace("1.2.3", ".", "-")`, "1-2-3"}},
		},
		{
			name: "starts_with", params: []string{"text", "part"}, gives: "bool", call: textTestOf("startsWith"),
			doc: "Whether the text begins with the part.", examples: []example{{`starts_with("SO-7", "SO-")`, "true"}},
		},
		{
			name: "ends_with", params: []string{"text", "part"}, gives: "bool", call: textTestOf("endsWith"),
			doc: "Whether the text ends with the part.", examples: []example{{`ends_with("a.pdf", ".pdf")`, "true"}},
		},
		{
			name: "len", params: []string{"value"}, gives: "int", call: length,
			doc:      "How many characters a text has, elements a list, members an object.",
			examples: []example{{`len("Straße")`, "6"}, {`len([1, 2])`, "2"}},
		},
	}
}

// onText is a function from text to text; an unchanged text is handed on
// without another allocation.
func onText(f func(string) string) function {
	return func(args ...any) (any, error) {
		s, err := text(args[0])
		if err != nil {
			return nil, err
		}
		if out := f(s); out != s {
			return out, nil
		}
		return args[0], nil
	}
}

func appendLower(to []byte, s string) []byte { return appendCase(to, s, 'A', 'Z', strings.ToLower) }

func appendUpper(to []byte, s string) []byte { return appendCase(to, s, 'a', 'z', strings.ToUpper) }

// appendCase changes the case of ASCII letters in a range as they are copied;
// other letters take the long way.
func appendCase(to []byte, s string, from, last byte, long func(string) string) []byte {
	start := len(to)
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 {
			return append(to[:start], long(s)...)
		}
		if c >= from && c <= last {
			c ^= 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

func trim(args ...any) (any, error) {
	s, err := text(args[0])
	if err != nil {
		return nil, err
	}
	out := ""
	if len(args) == 1 {
		out = strings.TrimSpace(s)
	} else {
		chars, err := text(args[1])
		if err != nil {
			return nil, err
		}
		out = strings.Trim(s, chars)
	}
	if len(out) == len(s) {
		return args[0], nil
	}
	return out, nil
}

func twoTexts(args []any) (a, b string, err error) {
	if a, err = text(args[0]); err == nil {
		b, err = text(args[1])
	}
	return a, b, err
}

func before(args ...any) (any, error) {
	s, sep, err := twoTexts(args)
	if err != nil || sep == "" {
		return args[0], err
	}
	head, _, _ := strings.Cut(s, sep)
	return head, nil
}

func after(args ...any) (any, error) {
	s, sep, err := twoTexts(args)
	if err != nil {
		return nil, err
	}
	if _, tail, found := strings.Cut(s, sep); found && sep != "" {
		return tail, nil
	}
	return nil, nil //nolint:nilnil // NULL is a value
}

func wordsOf(args ...any) (any, error) {
	s, err := text(args[0])
	return listOfTexts(strings.Fields(s)), err
}

func listOfTexts(parts []string) record.List {
	list := make(record.List, len(parts))
	for i, p := range parts {
		list[i] = p
	}
	return list
}

func digits(args ...any) (any, error) {
	s, isText := args[0].(string)
	if !isText {
		s = record.Text(leaf(args[0]))
	}
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s), nil
}

func makePhone(args []typed) (function, record.Type, error) {
	typ := record.Type{Kind: record.KindString}
	region := ""
	if len(args) == 2 && args[1].isLit {
		region, _ = args[1].lit.(string)
		if !phonenumbers.GetSupportedRegions()[strings.ToUpper(region)] {
			return nil, typ, errors.New("there is no region of that name; regions are like DE, US or GB")
		}
	}
	return func(args ...any) (any, error) {
		s, err := text(args[0])
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(s) == "" {
			return nil, nil //nolint:nilnil // NULL is a value
		}
		where := region
		if where == "" && len(args) == 2 {
			if where, err = text(args[1]); err != nil {
				return nil, err
			}
		}
		number, err := phonenumbers.Parse(s, strings.ToUpper(where))
		if err != nil || !phonenumbers.IsPossibleNumber(number) {
			if where == "" {
				return nil, faultf("not a telephone number with its country; phone(column, \"DE\") gives one")
			}
			return nil, faultf("not a telephone number")
		}
		if out := phonenumbers.Format(number, phonenumbers.E164); out != s {
			return out, nil
		}
		return args[0], nil
	}, typ, nil
}

func emailDomain(args ...any) (any, error) {
	s, err := text(args[0])
	if err != nil {
		return nil, err
	}
	at := strings.LastIndexByte(s, '@')
	domain := strings.ToLower(strings.TrimFunc(s[at+1:], unicode.IsSpace))
	if at < 0 || domain == "" {
		return nil, nil //nolint:nilnil // NULL is a value
	}
	return domain, nil
}

func concat(args ...any) (any, error) {
	parts := make([]string, 0, len(args))
	for _, a := range args {
		if !nothing(a) {
			parts = append(parts, record.Text(leaf(a)))
		}
	}
	return joined(parts...)
}

func join(args ...any) (any, error) {
	elems, err := elements(args[0])
	if err != nil || elems == nil {
		if err == nil && record.IsMissing(args[0]) {
			return args[0], nil
		}
		return nil, err
	}
	sep := ""
	if len(args) == 2 {
		if nothing(args[1]) {
			return args[1], nil
		}
		if sep, err = text(args[1]); err != nil {
			return nil, err
		}
	}
	parts := make([]string, 0, 2*len(elems))
	for _, e := range elems {
		if nothing(e) {
			continue
		}
		if len(parts) > 0 {
			parts = append(parts, sep)
		}
		if s, is := e.(string); is {
			parts = append(parts, s)
		} else {
			parts = append(parts, record.Text(leaf(e)))
		}
	}
	if len(parts) == 0 {
		return nil, nil //nolint:nilnil // NULL is a value
	}
	return joined(parts...)
}

func split(args ...any) (any, error) {
	s, sep, err := twoTexts(args)
	if err != nil || sep == "" {
		return record.List{args[0]}, err
	}
	return listOfTexts(strings.Split(s, sep)), nil
}

func replace(args ...any) (any, error) {
	s, old, err := twoTexts(args)
	if err != nil {
		return nil, err
	}
	with, err := text(args[2])
	if err != nil || old == "" {
		return args[0], err
	}
	n := strings.Count(s, old)
	if n == 0 {
		return args[0], nil
	}
	if len(s)+n*len(with) > maxText {
		return nil, faultf("makes a text of more than %d bytes", maxText)
	}
	return strings.ReplaceAll(s, old, with), nil
}

func length(args ...any) (any, error) {
	switch v := open(args[0]).(type) {
	case string:
		return int64(runeCount(v)), nil
	case map[string]any:
		return int64(len(v)), nil
	case record.Bytes:
		return int64(len(v)), nil
	default:
		elems, err := elements(v)
		return int64(len(elems)), err
	}
}
