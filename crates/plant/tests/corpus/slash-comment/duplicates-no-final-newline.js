// A=1
// A=1


package x