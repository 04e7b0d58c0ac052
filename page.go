package tierhost

// PageRequest asks for one page of a list.
type PageRequest struct {
	After string // Next of the page before; "" starts at the beginning
	Limit int    // most items to return; 0 takes the default of the list, which may also cap it
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	Next  string // opaque; goes into PageRequest.After; "" if this is the last page
}
