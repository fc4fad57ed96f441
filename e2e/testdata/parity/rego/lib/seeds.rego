package any
known if input.image.repo in {r | some r in [input.image.repo]; some n in load_json("names.json"); endswith(r, n)}
