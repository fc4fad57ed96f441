target "_c" { contexts = { busybox = "./bb" } }
group "default" { targets = ["good", "bad1", "bad2", "oops"] }
target "good" { 
inherits = ["_c"] 
dockerfile = "Dockerfile.f" 
target = "good" 
}
target "bad1" { 
inherits = ["_c"] 
dockerfile = "Dockerfile.f" 
target = "bad1" 
}
target "bad2" { 
inherits = ["_c"] 
dockerfile = "Dockerfile.f" 
target = "bad2" 
}
target "oops" { 
inherits = ["_c"] 
dockerfile = "Dockerfile.f" 
target = "oops" 
}
