/** What a driver says of itself when it is found in the registry. */
export interface PluginInfo {
  readonly name: string;
  /** The socket on which its work is asked for. */
  readonly endpoint: string;
  /** Versions of its type's protocol that it speaks, such as 1.0.0 or v1. */
  readonly versions: readonly string[];
}

/** Who takes the plugins of one type, such as CSIPlugin or DRAPlugin. */
export interface PluginHandler {
  readonly type: string;
  /** Throws with the reason for a plugin that cannot be taken, before anything of it is used. */
  validate(plugin: PluginInfo): void;
  /** Takes a plugin into use; rejects when it cannot. The plugin is told either way, and a failed one is tried again. */
  register(plugin: PluginInfo, signal: AbortSignal): Promise<void>;
  /**
   * Its socket is gone, or another has taken its place; `plugin` is the very value that was registered. Not called when the agent ends:
   * drivers outlive agents.
   */
  deregister(plugin: PluginInfo): void;
}
