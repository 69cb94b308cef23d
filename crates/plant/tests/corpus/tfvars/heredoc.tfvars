motd = <<EOT
key = "not mine"
it's { open
EOT
name = "x"
note = "a \"quoted\" word and $${literal}"
/* block
   comment = 1 */
last = true
