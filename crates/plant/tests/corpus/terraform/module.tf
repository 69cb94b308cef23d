resource "x" "y" {
  a = <<EOT
# A=1
EOT
}
# TWILIO_MAIN_SID=AC1
output "z" {
  value = 1
}
