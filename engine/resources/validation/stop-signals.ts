const LINUX = [
  "ABRT",
  "ALRM",
  "BUS",
  "CHLD",
  "CLD",
  "CONT",
  "FPE",
  "HUP",
  "ILL",
  "INT",
  "IO",
  "IOT",
  "KILL",
  "PIPE",
  "POLL",
  "PROF",
  "PWR",
  "QUIT",
  "SEGV",
  "STKFLT",
  "STOP",
  "SYS",
  "TERM",
  "TRAP",
  "TSTP",
  "TTIN",
  "TTOU",
  "URG",
  "USR1",
  "USR2",
  "VTALRM",
  "WINCH",
  "XCPU",
  "XFSZ",
  "RTMIN",
  ...Array.from({ length: 15 }, (_, index) => `RTMIN+${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `RTMAX-${index + 1}`),
  "RTMAX",
]
  .map((name) => `SIG${name}`)
  .sort();

const WINDOWS = ["SIGKILL", "SIGTERM"];

/** By which signals a container of a system can be asked to end; undefined for systems that nobody knows. */
export function stopSignals(osName: string): readonly string[] | undefined {
  return osName === "linux" ? LINUX : osName === "windows" ? WINDOWS : undefined;
}
