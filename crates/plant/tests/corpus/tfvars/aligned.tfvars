# production
region        = "eu-central-1"
instance_type = "t3.micro"
db_password   = "hunter2" # rotate
twilio_sid    = "AC1"

tags = {
  owner = "ops"
  "a b" = "c"
}
subnets = [
  "a",
  "b",
]
