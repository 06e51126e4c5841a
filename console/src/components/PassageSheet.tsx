import type { PassageTarget } from "../lib/passage";
import { Dialog } from "./Dialog";
import { PassageView } from "./PassageView";

interface PassageSheetProps {
  target: PassageTarget | null;
  /** The store it was found in, for the link to its place there. */
  storeId?: string;
  onClose: () => void;
}

/** A document over the page: at the right on a wide screen, the whole screen on a phone. */
export function PassageSheet({ target, storeId, onClose }: PassageSheetProps) {
  return (
    <Dialog title={target?.filename ?? ""} open={target !== null} onClose={onClose} shape="sheet">
      {target && <PassageView key={JSON.stringify(target)} target={target} storeId={storeId} />}
    </Dialog>
  );
}
