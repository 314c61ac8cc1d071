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
	"golang.org/x/text/width"
)

const (
	// domainName is a name with a dot, below something that may be a top-level domain.
	domainName = `(?:[\pL\pM\pN_` + joiners + `-]+\.)+(?:xn--[a-z0-9-]*[a-z0-9]|[\pL\pM` + joiners + `]+)`
	joiners    = "\u200c\u200d" // within words of Persian and of Indian languages
	hostMax    = 253
	// addressSigns are the signs of ASCII that an address of the web may hold.
	addressSigns = `-@:%_+.~#$!?&/=();,'^{}[]`
)

var (
	domain     = regexp.MustCompile(`^(?i:` + domainName + `)\.?(?::[0-9]*)?$`)
	webHost    = regexp.MustCompile(`^(?i:` + domainName + `|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])\.?(?::[0-9]*)?$`)
	mailLocal  = regexp.MustCompile(`^[a-zA-Z0-9.!#$%&'+/=?^_{}~-]{1,64}@`)
	entityName = regexp.MustCompile(`^[a-zA-Z0-9]+;$`)
)

// bareLinks are addresses of the web and of mail that stand in a text without any sign around them. A host is taken as
// a whole or not at all, since a part of it is the name of another one. Behind it an address may hold letters of every
// script and what people write between them, except where the next letter may be the next word.
type bareLinks struct{}

// Trigger implements parser.InlineParser. An address of the web is met at the first sign within, since before it there
// may be anything; the space stands for the start of a line as well.
func (bareLinks) Trigger() []byte { return []byte{':', '.', ' ', '('} }

// Parse implements parser.InlineParser. Within the text of another link a bare one is not shown as a link.
func (bareLinks) Parse(parent ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, segment := block.PeekLine()
	switch {
	// The reader stands in the middle of a tab, where no address begins.
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
// the word from the text before. What would have to be the host and is none becomes text, so that no part of it is
// taken for a link.
func webLink(parent ast.Node, block text.Reader, sign string, words ...string) ast.Node {
	_, segment := block.PeekLine()
	before, ok := parent.LastChild().(*ast.Text)
	if !ok || before.Segment.Stop != segment.Start {
		return nil
	}
	word := lastWord(before.Value(block.Source()), words)
	start := segment.Start - len(word)
	bare := word == "www"
	if word == "" || bare && continuesHost(block.Source()[:start]) {
		return nil
	}
	length, ok := webAddressLength(block.Source()[start:segment.Stop], len(word)+len(sign), bare)
	if length == 0 {
		return nil
	}
	// The word has become text by now, and is taken back from it.
	if before.Segment = before.Segment.WithStop(start); before.Segment.IsEmpty() {
		parent.RemoveChild(parent, before)
	}
	block.Advance(length - len(word))
	address := ast.NewTextSegment(text.NewSegment(start, start+length))
	link := ast.NewAutoLink(ast.AutoLinkURL, address)
	if bare {
		// As GitHub does.
		link.Protocol = []byte("http")
	}
	if !ok || !linkable(addressOf(link, block.Source())) {
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

// continuesHost reports whether a host that is said to begin behind a text is the end of a longer one. Underscores may
// be signs of emphasis.
func continuesHost(before []byte) bool {
	r, _ := utf8.DecodeLastRune(bytes.TrimRight(before, "_"))
	return r == '.' || r == '-' || r == '@' || isLetterOrDigit(r) && !isUnspaced(r)
}

// webAddressLength returns how many bytes of s are an address of the web, whose host stands behind a prefix, and
// whether that is a host. Behind www. it has another dot.
func webAddressLength(s []byte, prefix int, bare bool) (length int, ok bool) {
	host := hostRun(s[prefix:])
	end := prefix + len(host)
	hasPath := end < len(s) && strings.IndexByte("/?#", s[end]) >= 0
	if !hasPath {
		host = bytes.TrimRightFunc(host, isNotHostEnd)
		end = prefix + len(host)
	}
	switch {
	case len(host) == 0:
		return 0, false
	case len(host) > hostMax || bare && !domain.Match(host) || !webHost.Match(host):
		if host[0] == '[' || bare {
			return 0, false
		}
		return end, false
	case hasPath:
		end += len(pathRun(s[end:]))
	}
	return len(trimAddress(s[:end])), true
}

// hostRun returns the longest start of s that could be a host, with a user name and a port, and at most a little more
// than a host may have: looking for many starts of addresses must take no quadratic time. Browsers take emoji and other
// symbols for parts of a host.
func hostRun(s []byte) []byte {
	s = s[:min(len(s), hostMax+utf8.UTFMax)]
	start := 0
	if bytes.HasPrefix(s, []byte("[")) {
		start = bytes.IndexByte(s, ']') + 1
	}
	return s[:start+len(cutRun(s[start:], func(before, r rune) bool {
		if r < utf8.RuneSelf {
			return !isLetterOrDigit(r) && !strings.ContainsRune("-._@:%~+=", r)
		}
		return endsWord(before, r) || endsAddress(r) || unicode.IsPunct(r)
	}))]
}

// isNotHostEnd reports whether r is not the last character of a host: hosts end in letters, digits or the bracket of an
// IPv6 address.
func isNotHostEnd(r rune) bool {
	return r != ']' && !unicode.In(r, unicode.L, unicode.M, unicode.N) || isInvisible(r)
}

// cutRun returns the start of s before the first rune that ends it. Ends is told the rune before as well.
func cutRun(s []byte, ends func(before, r rune) bool) []byte {
	before := ' '
	end := bytes.IndexFunc(s, func(r rune) bool {
		ended := ends(before, r)
		before = r
		return ended
	})
	if end < 0 {
		return s
	}
	return s[:end]
}

// pathRun returns the start of s that can be what stands behind the host of an address. A bracket that closes what was
// opened before ends it, since it may be the end of the text of a link.
func pathRun(s []byte) []byte {
	brackets, unspaced := 0, false
	return cutRun(s, func(before, r rune) bool {
		switch {
		case r == '[':
			brackets++
		case r == ']':
			brackets--
		case !unspaced && endsWord(before, r):
			return true
		}
		unspaced = unspaced || isUnspaced(r)
		return brackets < 0 || endsAddress(r)
	})
}

// endsWord reports whether a letter of a script without spaces, or of Korean, whose particles join the word before
// them, stands right behind one of another script: the next word begins there. Behind a sign it begins a part of the
// address.
func endsWord(before, r rune) bool {
	return isUnspaced(r) && !isUnspaced(before) && unicode.In(before, unicode.L, unicode.M, unicode.N)
}

// isUnspaced reports whether r is of a script in which the next word may follow without a space.
func isUnspaced(r rune) bool { return termSize(r) != wholeWord || unicode.Is(unicode.Hangul, r) }

// endsAddress reports whether r cannot be a part of an address of the web: Han and kana, spaces, what ends sentences,
// quotation marks and brackets. An apostrophe is none of them.
func endsAddress(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return !isLetterOrDigit(r) && !strings.ContainsRune(addressSigns, r)
	case termSize(r) == hanTerm || r == utf8.RuneError:
		return true
	case unicode.In(r, unicode.L, unicode.M, unicode.N) || strings.ContainsRune(joiners+"’‘", r):
		return false
	case unicode.In(r, unicode.Terminal_Punctuation, unicode.Quotation_Mark, unicode.Ps, unicode.Pe, unicode.Pi, unicode.Pf):
		return true
	}
	return isFullWidth(r) || !unicode.In(r, unicode.P, unicode.S)
}

// isFullWidth reports whether a sign stands between Han and kana. Emoji are as wide, and stand anywhere.
func isFullWidth(r rune) bool {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianFullwidth, width.EastAsianHalfwidth:
		return true
	case width.EastAsianWide:
		return unicode.IsPunct(r)
	}
	return false
}

// trimAddress cuts what belongs to the sentence around an address: punctuation, a closing bracket that was opened
// before the address, and an entity.
func trimAddress(s []byte) []byte {
	// How many brackets of each kind close what was opened before the address, as in (see example.org/a).
	unopened := map[byte]int{}
	for _, pair := range []string{"()", "{}"} {
		unopened[pair[1]] = bytes.Count(s, []byte(pair[1:])) - bytes.Count(s, []byte(pair[:1]))
	}
	for len(s) > 0 {
		last, cut := s[len(s)-1], 1
		switch r, size := utf8.DecodeLastRune(s); {
		case size > 1 && unicode.IsPunct(r):
			cut = size
		case strings.IndexByte("?!.,:*_~'", last) >= 0:
		case unopened[last] > 0:
			unopened[last]--
		case last == ';': // the sentence's own, or the end of an entity, which is cut whole
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
	length := mailAddressLength(line[start:])
	if length == 0 {
		return nil
	}
	if start > 0 {
		ast.MergeOrAppendTextSegment(parent, segment.WithStop(segment.Start+start))
	}
	block.Advance(start + length)
	address := text.NewSegment(segment.Start+start, segment.Start+start+length)
	return ast.NewAutoLink(ast.AutoLinkEmail, ast.NewTextSegment(address))
}

// mailAddressLength returns how many bytes of s are an address of mail. Hosts of mail have no underscores and no port.
func mailAddressLength(s []byte) int {
	local := len(mailLocal.Find(s))
	if local == 0 {
		return 0
	}
	host := hostRun(s[local:])
	// hostRun takes these for parts of an address of the web.
	if port := bytes.IndexAny(host, ":%~+="); port >= 0 {
		host = host[:port]
	}
	host = bytes.TrimRightFunc(host, func(r rune) bool { return isNotHostEnd(r) && r != '-' && r != '_' && r != '@' })
	if len(host) > hostMax || bytes.IndexByte(host, '_') >= 0 || !domain.Match(host) {
		return 0
	}
	return local + len(host)
}
