# none yet
// nothing
