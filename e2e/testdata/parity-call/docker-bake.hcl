group "default" {
  targets = ["outline", "list", "check"]
}
target "outline" {
  target = "app"
  args   = { WHO = "outline" }
  call   = "outline"
}
target "list" {
  call = "targets"
}
target "check" {
  call = "check"
}
