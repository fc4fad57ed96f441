const fs = require("fs"), path = require("path");
if (process.env["INPUT_MERGE-MULTIPLE"] !== "true") throw new Error("only merge-multiple is known here");
const like = new RegExp("^" + process.env.INPUT_PATTERN.replace(/[.+]/g, "\\$&").replace(/\*/g, ".*") + "$");
for (const name of fs.readdirSync(process.env.TEST_ARTIFACTS)) {
  if (!like.test(name)) continue;
  const dir = path.join(process.env.TEST_ARTIFACTS, name);
  for (const file of fs.readdirSync(dir)) fs.copyFileSync(path.join(dir, file), path.join(process.env.GITHUB_WORKSPACE, file));
}
