/// The fixed parts of the page.
enum PageText {
    /// For text and attributes.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    /// JSON has none of the characters that end a script element; the form is checked all the same.
    static func escapedForScript(_ json: String) -> String {
        json.unicodeScalars.contains { $0 == "<" || $0 == ">" || $0 == "&" } ? "{}" : json
    }

    static let style = """
        body{font:15px/1.45 system-ui,sans-serif;margin:1.2rem auto;max-width:1240px;padding:0 1rem;color:#1c2430;background:#fff}
        h1{font-size:1.35rem}h2{font-size:1.05rem;margin-top:1.6rem}
        svg{width:100%;height:auto;background:#fafbfc;border:1px solid #d8dee6;border-radius:6px;cursor:crosshair}
        text{font:12px system-ui,sans-serif;fill:#1c2430}.name{font-weight:600;font-size:14px}.time{text-anchor:middle;fill:#5b6777;font-size:11px}
        .last{text-anchor:end}.grid{stroke:#e3e8ee}.life{fill:#e3e8ee}.maybe{fill:#b9cbe0}.hold{stroke:#fff;cursor:pointer}
        .hold0{fill:#1f77b4}.hold1{fill:#2a9d5c}.hold2{fill:#8e5bb5}.hold3{fill:#c2761f}.hold4{fill:#1b9aaa}.hold5{fill:#a34b62}
        .still{fill:#1c2430;fill-opacity:.55}.cut{fill:#d1495b}.bad{fill:#e8890c}.took{fill:#11623a;cursor:pointer}.gave{fill:#9c1c2e;cursor:pointer}
        .dot{fill:#5b6777}.cursor{stroke:#d1495b;stroke-width:1.2;stroke-dasharray:4 3;pointer-events:none}
        #tools{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.6rem 0}#tools[hidden]{display:none}#cursor{flex:1;min-width:10rem}output{font-variant-numeric:tabular-nums;min-width:min(17rem,100%)}button{white-space:nowrap}
        table{border-collapse:collapse;width:100%;font-size:14px}th,td{border-bottom:1px solid #e3e8ee;text-align:left;padding:.25rem .5rem;vertical-align:top}
        .holder{font-weight:700;color:#11623a}.wrong{color:#9c1c2e}.past{color:#5b6777;font-style:italic}pre{white-space:pre-wrap;background:#f4f6f8;padding:.6rem;border-radius:6px;font-size:13px}
        details{border-bottom:1px solid #e3e8ee;padding:.2rem 0}summary{cursor:pointer}.trouble{color:#9c1c2e}
        .legend{list-style:none;padding:0}.key{display:inline-block;width:26px;height:11px;margin-right:.4rem;background:#e3e8ee}
        .key.hold0{background:#1f77b4}.key.still{background:#7a8089}.key.cut{background:#d1495b;height:3px;vertical-align:middle}.key.bad{background:#e8890c;height:5px;vertical-align:middle}
        """

    static let script = """
        'use strict';
        (function(){
        var F=JSON.parse(document.getElementById('facts').textContent);
        var tools=document.getElementById('tools'),range=document.getElementById('cursor'),out=document.getElementById('moment');
        var state=document.getElementById('state'),reason=document.getElementById('reason'),line=document.getElementById('line'),svg=document.getElementById('picture');
        var LEFT=90,WIDTH=1100,why={};
        F.moves.forEach(function(m){why[m.r]=m.why;});
        var events=F.events.slice().sort(function(a,b){return a.at-b.at;});
        var at=F.from;
        function el(name,text,cls){var e=document.createElement(name);if(text!==undefined)e.textContent=text;if(cls)e.className=cls;return e;}
        function sampleOf(node){var s=node.samples,lo=0,hi=s.length;while(lo<hi){var m=(lo+hi)>>1;if(s[m].at<=at)lo=m+1;else hi=m;}return lo?s[lo-1]:null;}
        function ms(v){return v<2000?v+' ms':(v/1000).toFixed(1)+' s';}
        function ended(node){var end=null;node.lives.forEach(function(l){if(l[0]<=at&&(end===null||l[1]>end))end=l[1];});return end!==null&&at-end>1000?at-end:0;}
        function row(node){var tr=el('tr'),s=sampleOf(node),past=ended(node);tr.appendChild(el('th',node.name));
        function only(text,cls){var td=el('td',text,cls);td.colSpan=2;tr.appendChild(td);return tr;}
        if(!s)return only('not running, or its journal says nothing yet');
        if(past)return only('its journal ended '+ms(past)+' before; the last that it says: '+s.g.map(function(g){return g.g+': '+g.r+', term '+g.t;}).join('; '),'past');
        var age=at-s.at,td=el('td');
        s.g.forEach(function(g){var d=el('div');d.appendChild(el('span',g.g+': '+g.r,g.r==='HOLDER'?'holder':''));
        var t=', term '+g.t;
        if(g.l!==undefined)t+=', lease left '+ms(Math.max(0,g.l-age));
        if(g.h&&g.r!=='HOLDER')t+=', takes '+g.h+' for the holder';
        if(g.p)t+=', bound to '+g.p+(g.pl!==undefined?' for '+ms(Math.max(0,g.pl-age)):'');
        d.appendChild(document.createTextNode(t));
        if(g.x)d.appendChild(el('span',' can\\u2019t hold it: '+g.x,'wrong'));td.appendChild(d);});
        tr.appendChild(td);
        tr.appendChild(el('td',s.heard.map(function(h){return h.n+' '+(h.ago<0?'never':ms(h.ago+age)+' ago');}).join(', ')));
        return tr;}
        function show(){line.setAttribute('x1',LEFT+WIDTH*(at-F.from)/(F.to-F.from||1));line.setAttribute('x2',line.getAttribute('x1'));
        range.value=Math.round(100000*(at-F.from)/(F.to-F.from||1));
        var last=null;for(var i=0;i<events.length&&events[i].at<=at;i++)last=events[i];
        out.textContent=new Date(at).toISOString()+(last?'  \\u2014 last: '+last.n+': '+last.x:'');
        var table=el('table'),head=el('tr');['machine','state at the cursor','heard directly'].forEach(function(t){head.appendChild(el('th',t));});
        table.appendChild(head);F.nodes.forEach(function(n){table.appendChild(row(n));});state.replaceChildren(table);}
        function jump(by){var next=null;events.forEach(function(e){if(by>0?e.at>at&&(next===null||e.at<next):e.at<at&&(next===null||e.at>next))next=e.at;});if(next!==null){at=next;show();}}
        function tell(record){if(why[record]===undefined)return;reason.hidden=false;reason.textContent=why[record];}
        range.addEventListener('input',function(){at=Math.round(F.from+(F.to-F.from)*range.value/100000);show();});
        document.getElementById('prev').addEventListener('click',function(){jump(-1);});
        document.getElementById('next').addEventListener('click',function(){jump(1);});
        document.addEventListener('keydown',function(e){if(e.target===range)return;if(e.key==='ArrowLeft')jump(-1);if(e.key==='ArrowRight')jump(1);});
        svg.addEventListener('click',function(e){var box=svg.getBoundingClientRect(),x=(e.clientX-box.left)/box.width*1200;
        at=Math.round(Math.min(F.to,Math.max(F.from,F.from+(F.to-F.from)*(x-LEFT)/WIDTH)));show();
        var r=e.target.getAttribute&&e.target.getAttribute('data-r');if(r)tell(r);});
        tools.hidden=false;
        var first=events.filter(function(e){return e.at>=F.from;}).slice(-1)[0];at=first?first.at:F.to;show();
        })();
        """
}
