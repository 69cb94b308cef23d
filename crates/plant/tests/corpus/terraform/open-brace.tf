terraform {
  required_version = ">= 1.5"
  backend "s3" {
    bucket = "shop-state"
  }
}

/* two
   lines } */
locals {
  name = "shop"
  tags = { owner = "anna", "}" = "{" }
}

variable "region" {
  type    = string
  default = "eu-west-1"
}

resource "aws_instance" "shop" {
  user_data = <<-EOT
    #!/bin/sh
    echo "}${local.name}"
  EOT
  tags = local.tags # } not the end
}
resource "a" "b" {
