/// How the statistics page looks: for a wide screen and for a phone, by day and by night. Colour never says anything
/// alone, there is a word beside it.
enum StatisticsStyle {
    static let sheet: Markup = """
        :root{--page:#f4f5f7;--card:#fff;--text:#1c2430;--faint:#5b6675;--line:#e1e5ea;
        --good:#116239;--good-back:#dcf3e5;--bad:#a8201a;--bad-back:#fde4e2;
        --warning:#7a5200;--warning-back:#fdf0cf;--plain-back:#e9edf2;
        --head-good:#116239;--head-bad:#a8201a}
        @media(prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b212a;--text:#e4e8ee;--faint:#9aa6b5;
        --line:#2d3642;--good:#7fdca4;--good-back:#173626;--bad:#ff9f98;--bad-back:#451a18;
        --warning:#f3cc72;--warning-back:#3b2f10;--plain-back:#2a323d;
        --head-good:#14532f;--head-bad:#8b1d18}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--text);
        font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
        overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
        header{color:#fff;padding:1.1rem 0}
        header.good{background:var(--head-good)}header.bad{background:var(--head-bad)}
        header>*,main,footer{max-width:76rem;margin-left:auto;margin-right:auto;padding-left:1rem;padding-right:1rem}
        h1{margin-top:0;margin-bottom:0;font-size:1.7rem;line-height:1.2}
        header p{margin-top:.2rem;margin-bottom:0;opacity:.9}
        h2{font-size:.85rem;text-transform:uppercase;letter-spacing:.06em;color:var(--faint);margin:1.6rem 0 .5rem}
        h3{font-size:1.1rem;margin:0 0 .7rem;display:flex;flex-wrap:wrap;gap:.6rem;align-items:center}
        article{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1rem;margin:0 0 .8rem}
        ul.findings{list-style:none;margin:1rem 0 0;padding:0}
        ul.findings li{padding:.55rem .8rem;border-left:4px solid;border-radius:4px;margin:0 0 .4rem}
        ul.findings .bad,.tag.bad{background:var(--bad-back);color:var(--bad)}
        ul.findings .warning,.tag.warning{background:var(--warning-back);color:var(--warning)}
        .tag.good{background:var(--good-back);color:var(--good)}.tag.plain{background:var(--plain-back)}
        .tag{display:inline-block;padding:.05rem .5rem;border-radius:99px;font-size:.85rem;font-weight:600}
        dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:.7rem 1.2rem;margin:0}
        dt{color:var(--faint);font-size:.8rem}dd{margin:0}
        dl+table{margin-top:1rem;border-top:1px solid var(--line);padding-top:.4rem}
        table{border-collapse:collapse;width:100%}
        th{text-align:left;font-size:.8rem;font-weight:500;color:var(--faint);padding:.35rem .8rem .35rem 0}
        td{padding:.4rem .8rem .4rem 0;border-top:1px solid var(--line);vertical-align:top}
        td:first-child{font-weight:600}
        .answers{display:flex;flex-wrap:wrap;gap:0 .9rem}
        .detail{color:var(--faint)}
        footer{color:var(--faint);font-size:.82rem;padding-top:.6rem;padding-bottom:2rem}
        footer p{margin:.2rem 0}a{color:inherit}
        @media(max-width:48rem){thead{display:none}tr,td{display:block}
        tr{border-top:1px solid var(--line);padding:.5rem 0}tbody tr:first-child{border-top:0}
        td{border:0;padding:.12rem 0;display:grid;grid-template-columns:6.5rem 1fr;gap:.6rem;justify-items:start}
        td::before{content:attr(data-name);color:var(--faint);font-size:.85rem;font-weight:400}
        td:first-child{font-size:1.05rem}
        dl{grid-template-columns:repeat(auto-fill,minmax(8rem,1fr))}}
        """

    static let goodIcon: Markup = """
        <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
        %3Ccircle cx='8' cy='8' r='7' fill='%2318864b'/%3E%3C/svg%3E">
        """
    static let badIcon: Markup = """
        <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
        %3Cpath d='M8 1l7 13H1z' fill='%23c9302c'/%3E%3C/svg%3E">
        """
}
