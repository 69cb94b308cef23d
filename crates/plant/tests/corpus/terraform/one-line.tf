output "a" { value = "b" }
