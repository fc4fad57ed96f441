// The side of VS Code of 'orch lsp': it starts the program, hands it the settings, and
// carries out the commands of code lenses in a terminal.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { commandLine, settings } = require("./commands");

let client;

function configuration() {
  return vscode.workspace.getConfiguration("orch");
}

async function start(context) {
  const program = configuration().get("path", "orch");
  client = new LanguageClient(
    "orch",
    "orch",
    { command: program, args: ["lsp"] },
    {
      documentSelector: [
        { scheme: "file", language: "orch" },
        { scheme: "file", language: "dockerfile" },
        { scheme: "file", pattern: "**/{build,*.build,docker-bake}.{hcl,json}" },
      ],
      initializationOptions: settings(configuration()),
      outputChannelName: "orch",
    },
  );
  context.subscriptions.push(client);
  try {
    await client.start();
  } catch (err) {
    const choice = await vscode.window.showErrorMessage(
      `orch: cannot start "${program} lsp": ${err.message}. Install orch, or set orch.path.`,
      "Open the setting",
    );
    if (choice) vscode.commands.executeCommand("workbench.action.openSettings", "orch.path");
  }
}

// run starts orch in a terminal of its own.
async function run(verb, argument) {
  let to = argument;
  if (!to) {
    const folder = vscode.workspace.workspaceFolders?.[0];
    const target = await vscode.window.showInputBox({ prompt: `Which target or group to ${verb}?`, value: "default" });
    if (!folder || !target) return;
    to = { dir: folder.uri.fsPath, target };
  }
  const terminal = vscode.window.createTerminal({ name: `orch ${verb} ${to.target}`, cwd: to.dir });
  terminal.show(true);
  terminal.sendText(commandLine(configuration().get("path", "orch"), verb, to, process.platform));
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("orch.build", (to) => run("build", to)),
    vscode.commands.registerCommand("orch.plan", (to) => run("plan", to)),
    vscode.commands.registerCommand("orch.restart", async () => {
      await client?.stop();
      await start(context);
    }),
    vscode.workspace.onDidChangeConfiguration((e) => {
      if (e.affectsConfiguration("orch")) {
        client?.sendNotification("workspace/didChangeConfiguration", { settings: { orch: settings(configuration()) } });
      }
    }),
  );
  await start(context);
}

function deactivate() {
  return client?.stop();
}

module.exports = { activate, deactivate };
