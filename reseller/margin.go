package reseller

// MarginRule says what to do about a plan that sells below what it costs.
type MarginRule string
