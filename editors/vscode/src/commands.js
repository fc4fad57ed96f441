// What the extension does without VS Code, so that it can be tried without.

// settings are those that the server knows.
function settings(configuration) {
  return { debounce: configuration.get("debounce", 150), codeLens: configuration.get("codeLens", true) };
}

// quote makes one word of a text for the shell of a terminal.
function quote(word, platform) {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return platform === "win32" ? `"${word.replaceAll('"', '""')}"` : `'${word.replaceAll("'", "'\\''")}'`;
}

// commandLine is what a code lens runs.
function commandLine(program, verb, to, platform) {
  const words = [program, verb === "build" ? "bake" : "plan"];
  for (const file of to.files ?? []) words.push("-f", file);
  words.push(to.target);
  return words.map((word) => quote(word, platform)).join(" ");
}

module.exports = { commandLine, quote, settings };
