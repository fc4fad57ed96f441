package names
known if endswith(input.image.repo, "/seed")
