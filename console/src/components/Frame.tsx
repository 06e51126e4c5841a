import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { whoami } from "../api/queries";
import { signOut } from "../api/session";
import { AskIcon, DocumentsIcon, Logo, ModelsIcon, OperateIcon, SearchIcon, SignOutIcon, TablesIcon } from "./icons";
import { Palette } from "./Palette";

const PAGES = [
  { to: "/ask", title: "Ask", Icon: AskIcon },
  { to: "/documents", title: "Documents", Icon: DocumentsIcon },
  { to: "/tables", title: "Tables", Icon: TablesIcon },
  { to: "/models", title: "Models", Icon: ModelsIcon },
  { to: "/operate", title: "Operate", Icon: OperateIcon },
] as const;

/** What surrounds every page: the rail, the tenant, the palette. */
export function Frame() {
  const [palette, setPalette] = useState(false);
  useEffect(() => {
    const open = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setPalette((now) => !now);
    };
    window.addEventListener("keydown", open);
    return () => window.removeEventListener("keydown", open);
  }, []);
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <nav className="rail" aria-label="Pages">
        <Link to="/ask" className="rail-logo" aria-label="Cairn, start page">
          <Logo />
        </Link>
        {PAGES.map(({ to, title, Icon }) => (
          <Link key={to} to={to} className="rail-link">
            <Icon />
            <span>{title}</span>
          </Link>
        ))}
      </nav>
      <div className="column">
        <TopBar openPalette={() => setPalette(true)} />
        <main id="main" tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <Palette open={palette} onClose={() => setPalette(false)} />
    </div>
  );
}

function TopBar({ openPalette }: { openPalette: () => void }) {
  const { data: who } = useQuery(whoami);
  return (
    <header className="top">
      <button type="button" className="top-search" onClick={openPalette}>
        <SearchIcon />
        <span>Go to…</span>
        <kbd>Ctrl K</kbd>
      </button>
      <div className="tenant">
        {who && (
          <span title={`Key ${who.key_id}`}>
            <strong>{who.tenant}</strong> <span className="muted">{who.role}</span>
          </span>
        )}
        <button type="button" className="icon-button" onClick={() => signOut()} aria-label="Sign out" title="Sign out">
          <SignOutIcon />
        </button>
      </div>
    </header>
  );
}
