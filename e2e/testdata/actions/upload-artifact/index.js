const fs = require("fs"), path = require("path");
const to = path.join(process.env.TEST_ARTIFACTS, process.env.INPUT_NAME);
const files = process.env.INPUT_PATH.split("\n").map((f) => f.trim()).filter(Boolean);
if (fs.existsSync(to)) throw new Error(`an artifact with the name ${process.env.INPUT_NAME} is there already`);
for (const file of files) {
  const from = path.resolve(process.env.GITHUB_WORKSPACE, file);
  if (!fs.existsSync(from)) {
    console.log(`::warning::no file was found at ${file}`);
    continue;
  }
  fs.mkdirSync(to, { recursive: true });
  fs.copyFileSync(from, path.join(to, path.basename(file)));
}
