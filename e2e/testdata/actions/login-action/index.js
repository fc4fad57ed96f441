const fs = require("fs"), path = require("path");
const { INPUT_REGISTRY: registry, INPUT_USERNAME: user, INPUT_PASSWORD: password } = process.env;
if (!user || !password) throw new Error("Username and password required");
const dir = process.env.DOCKER_CONFIG, file = path.join(dir, "config.json");
fs.mkdirSync(dir, { recursive: true });
const config = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : {};
config.auths = { ...config.auths, [registry]: { auth: Buffer.from(`${user}:${password}`).toString("base64") } };
// The jobs share one folder here, and one must not read half of what another writes.
const part = `${file}.${process.pid}`;
fs.writeFileSync(part, JSON.stringify(config));
fs.renameSync(part, file);
