package fastexec

// Known counts the documents of which something is known.
func Known() (n int) {
	shapes.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}
