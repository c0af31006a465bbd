// Lays out all sources with `--write`, which is `npm run format`; with `--check` it names those that are laid out otherwise.
const [mode = "--check"] = process.argv.slice(2);
process.argv.splice(2, Infinity, mode, "--log-level", "warn", "{engine,node-agent,test,schemas}/**/*.{ts,mjs,cjs}", "*.ts");
await import("prettier/bin/prettier.cjs");
