const fs = require("fs");
// GitHub hands these to actions only; the test has them under other names.
for (const name of ["ACTIONS_RUNTIME_TOKEN", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_SERVICE_V2"]) {
  if (process.env[name]) throw new Error(`${name} is known already`);
  if (process.env["TEST_" + name]) process.env[name] = process.env["TEST_" + name];
}
const write = (file, name, value) => fs.appendFileSync(file, `${name}<<end-of-value\n${value}\nend-of-value\n`);
const core = {
  setSecret: (value) => console.log(`::add-mask::${value}`),
  setOutput: (name, value) => write(process.env.GITHUB_OUTPUT, name, value),
  exportVariable: (name, value) => write(process.env.GITHUB_ENV, name, value),
};
new Function("core", "process", process.env.INPUT_SCRIPT)(core, process);
