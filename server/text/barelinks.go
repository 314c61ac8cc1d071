package text

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

const (
	// topLevel is the last part of a host: of one script and in lower case, or in capitals. So a sentence may begin
	// right behind a full stop, and a Korean particle, which joins the word before it, stands apart.
	topLevel = `\.(?:xn--[a-z0-9-]*[a-z0-9]|[a-z\x{df}-\x{24f}]+|[A-Z]{2,}|[\p{Ll}\p{Lo}\p{M}]+)`
	// addressSigns are those that an address of the web may hold besides letters and digits.
	addressSigns = `-@:%_+.~#$!?&/=();,'^{}[]`
	webHostMax   = 256
	mailMax      = 320
	joiners      = "\u200c\u200d" // within words of Persian and of Indian languages
)

var (
	// webHost lets user names and wrong ports pass: an address that has them is no link, and no part of it is.
	webHost     = regexp.MustCompile(`^[-\p{L}\p{M}\p{Nd}` + joiners + `@:%._+~=]+` + topLevel + `(?::[0-9]+)?`)
	mailAddress = regexp.MustCompile(`^[a-zA-Z0-9.!#$%&'+/=?^_{}~-]{1,64}@[\p{L}\p{M}\p{Nd}.-]+` + topLevel)
	entityName  = regexp.MustCompile(`^[a-zA-Z0-9]+;$`)
)

// bareLinks are addresses of the web and of mail that stand in a text without any sign around them. They may hold
// letters of every script with spaces; in one without, the next letter may be the next word.
type bareLinks struct{}

// Trigger implements parser.InlineParser. An address of the web is met at the first sign within, since before it there
// may be anything; the space stands for the start of a line as well.
func (bareLinks) Trigger() []byte { return []byte{':', '.', ' ', '('} }

// Parse implements parser.InlineParser. Within the text of another link a bare one is not shown as a link.
func (bareLinks) Parse(parent ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, segment := block.PeekLine()
	switch {
	case segment.Padding > 0:
		return nil
	case bytes.HasPrefix(line, []byte("://")):
		return webLink(parent, block, "://", "https", "http")
	case line[0] == '.':
		return webLink(parent, block, ".", "www")
	case line[0] != ':':
		return mailLink(parent, block)
	}
	return nil
}

// webLink returns a link where the reader is at a sign behind one of some words, with which an address begins. It takes
// the word from the text before.
func webLink(parent ast.Node, block text.Reader, sign string, words ...string) ast.Node {
	_, segment := block.PeekLine()
	before, ok := parent.LastChild().(*ast.Text)
	if !ok || before.Segment.Stop != segment.Start {
		return nil
	}
	word := lastWord(before.Value(block.Source()), words)
	if word == "" {
		return nil
	}
	start := segment.Start - len(word)
	length := webAddressLength(block.Source()[start:segment.Stop], len(word)+len(sign))
	if length == 0 {
		return nil
	}
	if before.Segment = before.Segment.WithStop(start); before.Segment.IsEmpty() {
		parent.RemoveChild(parent, before)
	}
	block.Advance(length - len(word))
	address := ast.NewTextSegment(text.NewSegment(start, start+length))
	link := ast.NewAutoLink(ast.AutoLinkURL, address)
	if word == "www" {
		link.Protocol = []byte("http")
	}
	if !linkable(addressOf(link, block.Source())) {
		return address
	}
	return link
}

// lastWord returns which of some words a text ends with, unless it is the end of a longer one.
func lastWord(s []byte, words []string) string {
	for _, word := range words {
		cut := len(s) - len(word)
		if cut < 0 || !strings.EqualFold(string(s[cut:]), word) {
			continue
		}
		if r, _ := utf8.DecodeLastRune(s[:cut]); !isLetterOrDigit(r) || isHanOrKana(r) {
			return word
		}
	}
	return ""
}

// webAddressLength returns how many bytes of s are an address of the web, whose host stands behind a prefix.
func webAddressLength(s []byte, prefix int) int {
	// The host is looked for before anything else, so that many starts of addresses take no quadratic time.
	named := addressRun(s[prefix:min(len(s), prefix+webHostMax)])
	if path := bytes.IndexAny(named, "/?#"); path >= 0 {
		named = named[:path]
	}
	host := webHost.Find(named)
	if host == nil {
		return 0
	}
	end := prefix + len(host)
	if end < len(s) && strings.IndexByte("/?#", s[end]) >= 0 {
		end += len(addressRun(s[end:]))
	}
	return len(trimAddress(s[:end]))
}

// addressRun returns the start of s that can be a part of an address. A bracket that closes what was opened before the
// address ends it, since it may be the end of the text of a link.
func addressRun(s []byte) []byte {
	brackets := 0
	end := bytes.IndexFunc(s, func(r rune) bool {
		switch r {
		case '[':
			brackets++
		case ']':
			brackets--
		}
		return brackets < 0 || endsAddress(r)
	})
	if end < 0 {
		return s
	}
	return s[:end]
}

// endsAddress reports whether r cannot be a part of an address of the web.
func endsAddress(r rune) bool {
	if r < utf8.RuneSelf {
		return !isLetterOrDigit(r) && !strings.ContainsRune(addressSigns, r)
	}
	return isHanOrKana(r) || !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(joiners, r)
}

// trimAddress cuts what belongs to the sentence around an address: punctuation, a closing bracket that was opened
// before the address, and an entity.
func trimAddress(s []byte) []byte {
	unopened := map[byte]int{}
	for _, pair := range []string{"()", "{}"} {
		unopened[pair[1]] = bytes.Count(s, []byte(pair[1:])) - bytes.Count(s, []byte(pair[:1]))
	}
	for len(s) > 0 {
		last, cut := s[len(s)-1], 1
		switch {
		case strings.IndexByte("?!.,:*_~'", last) >= 0:
		case unopened[last] > 0:
			unopened[last]--
		case last == ';':
			cut = entityLength(s)
		default:
			cut = 0
		}
		if cut == 0 {
			break
		}
		s = s[:len(s)-cut]
	}
	return s
}

// entityLength returns the length of an entity such as &amp; at the end of s.
func entityLength(s []byte) int {
	start := bytes.LastIndexByte(s, '&')
	if start < 0 || !entityName.Match(s[start+1:]) {
		return 0
	}
	return len(s) - start
}

// mailLink returns a link where an address of mail begins, at the reader or behind the sign that it is at.
func mailLink(parent ast.Node, block text.Reader) ast.Node {
	line, segment := block.PeekLine()
	start := 0
	if line[0] == '(' || util.IsSpace(line[0]) {
		start = 1
	}
	length := len(mailAddress.Find(addressRun(line[start:min(len(line), start+mailMax)])))
	next, _ := utf8.DecodeRune(line[start+length:])
	if length == 0 || next == '-' || next == '_' || isLetterOrDigit(next) && !joinsPunctuation(next) {
		return nil
	}
	if start > 0 {
		ast.MergeOrAppendTextSegment(parent, segment.WithStop(segment.Start+start))
	}
	block.Advance(start + length)
	address := text.NewSegment(segment.Start+start, segment.Start+start+length)
	return ast.NewAutoLink(ast.AutoLinkEmail, ast.NewTextSegment(address))
}
