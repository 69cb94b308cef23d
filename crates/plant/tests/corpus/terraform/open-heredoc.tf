locals {
  a = <<EOT
shop
}
