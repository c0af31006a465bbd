/** What `git check-ref-format` says of no name: https://git-scm.com/docs/git-check-ref-format. Those that end in `.lock` are locks. */
const NO_REF = /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$|(^|\/)\.|\.lock(\/|$)/;

/** Whether Git takes a name for a ref's whole name, such as `refs/heads/main`. */
export function isRefName(name: string): boolean {
  return name.includes("/") && !NO_REF.test(name);
}
