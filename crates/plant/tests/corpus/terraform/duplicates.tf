locals {
  a = "x"
}
locals {
  a = "x"
}
