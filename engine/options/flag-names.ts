/** Under which name commander gives a flag's value: `--datastore-cafile` is datastoreCafile, `--no-agent` is agent, `--config-dir <dir>` is configDir. */
export function flagKey(flags: string): string {
  const [flag = ""] = flags.replace(/^--(?:no-)?/, "").split(" ");
  return flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The environment variable of an option by its key: apiPort is MAINSTAY_API_PORT. */
export function variableName(key: string): string {
  return `MAINSTAY_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
