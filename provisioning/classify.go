package provisioning

// Class is what the failure of a call means to the manager.
type Class string
