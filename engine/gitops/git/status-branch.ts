/** Whether a cluster tells there what is running: such a branch is never a source. */
export function isStatusBranch(branch: string): boolean {
  return branch.startsWith("status/");
}
