package label

// Work returns the leaks in something that is shown, and how many bytes were read,
// decoded and searched to find them.
func Work(s *Scanner, x Shown) (leaks []Leak, work int) { return s.scan(x) }

// The bound of the work for a text of some length.
func WorkBound(length int) int { return workAtLeast + workPerByte*length }

// Scans returns how many things a look has scanned.
func Scans(l *Look) int64 { return l.files.scan.scans.Load() }
