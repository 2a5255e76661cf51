import { access, constants, stat, statfs } from "node:fs/promises";
import { type Finding, not, ok } from "./Finding.ts";
import { nearestFolder } from "./nearestFolder.ts";

/** Of statfs(2): file systems on which files do not stay, cannot be linked, or are not kept when they were said to be. */
const FILE_SYSTEMS: Readonly<Record<number, readonly [name: string, result: "warning" | "problem", action: string]>> = {
  16914836: ["tmpfs", "warning", "it is gone with the next boot, and takes memory"],
  17240: ["vfat", "problem", "it has no links and no modes"],
  19780: ["vfat", "problem", "it has no links and no modes"],
  538032816: ["exfat", "problem", "it has no links and no modes"],
  26985: ["NFS", "warning", "locks and fsync depend on the server"],
  4283649346: ["SMB", "problem", "it has no links and no modes"],
  20859: ["SMB", "problem", "it has no links and no modes"],
  16914839: ["9p", "warning", "links and fsync depend on the host"],
  1702057286: ["FUSE", "warning", "links and fsync depend on what is behind it"],
};

type FileSystemType = (folder: string) => Promise<number>;

/** A folder that is there or would be made: may it be written to, what kind of file system it is on, and who else may look into it. */
export async function checkFolder(
  folder: string,
  option: string,
  type: FileSystemType = fileSystemType,
): Promise<Finding> {
  const nearest = await nearestFolder(folder);
  const writable = (await stat(nearest)).isDirectory() && (await isWritable(nearest));
  if (!writable) {
    return not("problem", `${folder}: ${nearest} is no folder that you may write to`, `name another with ${option}`);
  }
  const known = FILE_SYSTEMS[await type(nearest)];
  if (known !== undefined) {
    const [name, result, why] = known;
    return not(result, `${folder} is on ${name}: ${why}`, `name a folder on a disk of this machine with ${option}`);
  }
  if (nearest !== folder) return ok(`${folder} can be made`);
  const { mode } = await stat(folder);
  const shown = `0${(mode & 0o777).toString(8)}`;
  return ok(`${folder} can be written to, mode ${shown}`);
}

function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function fileSystemType(folder: string): Promise<number> {
  return (await statfs(folder)).type >>> 0;
}
