package petitioning

import "github.com/google/uuid"

// renderedMost is how many rendered bodies are remembered. A body has at most some hundred kilobytes, most
// have few.
const renderedMost = 256

// edition names a text: a petition at one version.
type edition struct {
	petition uuid.UUID
	version  int
}

// BodyHTML gives the body of a petition at a version as sanitised HTML. Rendering hostile Markdown can take a
// good part of a second, so that what was rendered is remembered.
func (s *Service) BodyHTML(petition uuid.UUID, version int, body string) string {
	key := edition{petition, version}
	if html, ok := s.rendered.Get(key); ok {
		return html
	}
	html := RenderMarkdown(body)
	s.rendered.Add(key, html)
	return html
}
