/**
 * Says in the user's words why a port could not be opened, and which option changes it; other errors are given back as they are.
 * `option` is the flag of the port, `addressOption` that of the address.
 */
export function explainListenError(
  error: unknown,
  where: { readonly address: string; readonly port: number; readonly option: string; readonly addressOption?: string },
): unknown {
  const { address, port, option, addressOption } = where;
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case "EADDRINUSE":
      return new Error(`port ${port} on ${address} is taken by another program; stop it, or choose another port with ${option}`, { cause: error });
    case "EADDRNOTAVAIL":
    case "EINVAL":
    case "ENOTFOUND":
      return new Error(`${address} is no address of this machine${addressOption === undefined ? "" : `; choose one of its own with ${addressOption}`}`, {
        cause: error,
      });
    case "EACCES":
      return new Error(`port ${port} may only be opened by root; choose one above 1023 with ${option}`, { cause: error });
    default:
      return error;
  }
}
