import type { ReactNode } from "react";

/** Line icons on a 24-unit grid; decorative, always beside or inside something named. */
function icon(paths: ReactNode) {
  return function Icon() {
    return (
      <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
        {paths}
      </svg>
    );
  };
}

export const AskIcon = icon(<path d="M4 5h16v11H10l-5 4v-4H4zM8 9h8M8 12h5" />);
export const DocumentsIcon = icon(<path d="M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6" />);
export const TablesIcon = icon(<path d="M4 5h16v14H4zM4 10h16M4 14.5h16M10 10v9" />);
export const ModelsIcon = icon(<path d="M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9" />);
export const OperateIcon = icon(<path d="M3 12h4l3-8 4 16 3-8h4" />);
export const SearchIcon = icon(<path d="M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20" />);
export const CloseIcon = icon(<path d="M6 6l12 12M18 6L6 18" />);
export const CopyIcon = icon(<path d="M9 9h11v11H9zM15 9V4H4v11h5" />);
export const CheckIcon = icon(<path d="M5 12.5l4.5 4.5L19 7.5" />);
export const SignOutIcon = icon(<path d="M14 4H5v16h9M10 12h10M16.5 8.5L20 12l-3.5 3.5" />);

export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 24 24" aria-hidden="true">
      <ellipse cx="12" cy="19" rx="9.5" ry="3.6" />
      <ellipse cx="11.4" cy="12.2" rx="6.8" ry="3" />
      <ellipse cx="12.6" cy="6" rx="4.2" ry="2.6" />
    </svg>
  );
}
