const fs = require("fs");
for (const file of [process.env["INPUT_GO-VERSION-FILE"], process.env["INPUT_CACHE-DEPENDENCY-PATH"]]) fs.accessSync(file);
require("child_process").execSync("go version", { stdio: "inherit" });
