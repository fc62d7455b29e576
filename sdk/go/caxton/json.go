package caxton

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The host's JSON, read and written with as little code as will do: encoding/json would add a megabyte to every agent.
// An object is a map[string]any, an array a []any, a number a float64, as there.

type parser struct {
	text string
	at   int
}

// parse reads JSON that the host has written; anything else is nil.
func parse(text []byte) (value any) {
	defer func() {
		if recover() != nil { // an index beyond the end: it was no JSON
			value = nil
		}
	}()
	p := parser{text: string(text)}
	return p.value()
}

func (p *parser) space() byte {
	for strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	return p.text[p.at]
}

func (p *parser) value() any {
	switch p.space() {
	case '{':
		object := map[string]any{}
		p.items('}', func() {
			p.space()
			key := p.str()
			p.space()
			p.at++ // the colon
			object[key] = p.value()
		})
		return object
	case '[':
		array := []any{}
		p.items(']', func() { array = append(array, p.value()) })
		return array
	case '"':
		return p.str()
	}
	start := p.at
	for p.at < len(p.text) && strings.IndexByte(",]} \t\r\n", p.text[p.at]) < 0 {
		p.at++
	}
	switch word := p.text[start:p.at]; word {
	case "null":
		return nil
	case "true":
		return true
	case "false":
		return false
	default:
		number, _ := strconv.ParseFloat(word, 64)
		return number
	}
}

func (p *parser) items(end byte, item func()) {
	p.at++
	for p.space() != end {
		item()
		if p.space() == ',' {
			p.at++
		}
	}
	p.at++
}

func (p *parser) str() string {
	var built strings.Builder
	for p.at++; p.text[p.at] != '"'; p.at++ {
		c := p.text[p.at]
		if c != '\\' {
			built.WriteByte(c)
			continue
		}
		p.at++
		switch c = p.text[p.at]; c {
		case 'b':
			built.WriteByte('\b')
		case 'f':
			built.WriteByte('\f')
		case 'n':
			built.WriteByte('\n')
		case 'r':
			built.WriteByte('\r')
		case 't':
			built.WriteByte('\t')
		case 'u':
			built.WriteRune(p.unit())
		default:
			built.WriteByte(c)
		}
	}
	p.at++
	return built.String()
}

// unit reads the four digits of \uXXXX, and those of its other half where it is one of a pair.
func (p *parser) unit() rune {
	number, _ := strconv.ParseUint(p.text[p.at+1:p.at+5], 16, 16)
	p.at += 4
	r := rune(number)
	if utf16.IsSurrogate(r) && strings.HasPrefix(p.text[p.at+1:], `\u`) {
		low, _ := strconv.ParseUint(p.text[p.at+3:p.at+7], 16, 16)
		p.at += 6
		return utf16.DecodeRune(r, rune(low))
	}
	return r
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func number(value any) int64 {
	n, _ := value.(float64)
	return int64(n)
}

func list(value any) []string {
	array, _ := value.([]any)
	found := make([]string, 0, len(array))
	for _, item := range array {
		found = append(found, text(item))
	}
	return found
}

func texts(value any) map[string]string {
	object, _ := value.(map[string]any)
	if len(object) == 0 {
		return nil
	}
	found := make(map[string]string, len(object))
	for key, item := range object {
		found[key] = text(item)
	}
	return found
}

// Quote writes a string as JSON. It is for agents that write a little of it by hand, since encoding/json makes a module
// twice as large.
func Quote(s string) string { return string(quote(nil, s)) }

func quote(to []byte, s string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			to = append(to, '\\', byte(r))
		case r < 0x20:
			to = append(to, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			to = utf8.AppendRune(to, r)
		}
	}
	return append(to, '"')
}
