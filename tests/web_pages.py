"""Invented web pages. What must stay of a page is in elements with `data-t="stay"`, what must go in `data-t="go"`."""

PAGES = {
    "news": """<!doctype html><html lang="en"><head><title>Ferry returns | The Harbour Post</title><script>var a="
<p>no</p>"</script></head>
<body><div id="cookie-banner" class="cookie-banner">
<p data-t="go">We use cookies to make this site work and to measure how it is used.</p>
<button>Accept all</button></div>
<header class="site-header"><a href="/"><img alt="The Harbour Post"></a><nav><ul><li data-t="go">
<a href="/news">News</a></li>
<li data-t="go"><a href="/sport">Sport</a></li><li><a href="/town">Town</a></li></ul></nav></header>
<main><article><h1 data-t="stay">Ferry returns after eleven weeks in dry dock</h1>
<p class="byline" data-t="stay">By Nora Quill, 4 March</p>
<div class="share-buttons"><span data-t="go">Share this story</span> <a href="#">Post</a></div>
<p data-t="stay">The ferry <i>Marigold</i> sailed again on Tuesday morning,
to the relief of shopkeepers on both banks.</p>
<p data-t="stay">“We had almost forgotten her horn,” said <a href="/p/1">Tom Ash</a>, who sells bread at the pier.</p>
<aside class="related"><h3 data-t="go">Related articles</h3><ul><li data-t="go">
<a href="/1">Dry dock costs twice as much as planned</a></li>
<li data-t="go"><a href="/2">Council looks at a second ferry</a></li><li>
<a href="/3">Bridge plans shelved</a></li></ul></aside>
<h2 data-t="stay">A long repair</h2>
<p data-t="stay">Two plates below the water line were found to be thin as paper.</p>
<p data-t="stay">No.</p></article></main>
<aside class="sidebar"><h3>Most read</h3><ol><li data-t="go"><a href="/7">Ten walks for spring</a></li><li>
<a href="/8">Market moves</a></li></ol></aside>
<footer><p data-t="go">© The Harbour Post. All rights reserved.</p>
<a href="/imprint">Imprint</a></footer></body></html>""",
    "blog": """<html><head><title>Sourdough in the cold</title></head><body class="has-sidebar"><div id="page">
<header id="masthead"><p class="site-title" data-t="go"><a href="/">Crumbs and Crusts</a></p><div class="menu-main">
<ul><li><a href="/">Home</a></li>
<li data-t="go"><a href="/about">About me</a></li><li><a href="/all">Archive</a></li></ul></div></header>
<div id="primary"><div class="entry-content"><h1 data-t="stay">Sourdough in the cold</h1>
<p data-t="stay">My kitchen was at fourteen degrees this week. The dough took its time.</p>
<p data-t="stay">I waited.</p>
<p data-t="stay">Then I waited more, and on the third day it had doubled and smelled of apples.</p></div>
<div class="post-tags">Tags: <a href="/t/1">bread</a> <a href="/t/2">winter</a> <a href="/t/3">patience</a></div>
<div id="comments"><h2 data-t="stay">2 comments</h2><ol><li>
<p data-t="stay">Lene: fourteen is bold, mine gives up at sixteen!</p></li>
<li><p data-t="stay">Otto: try the oven with only its lamp on.</p></li></ol>
<form><label data-t="go">Leave a comment</label><textarea></textarea>
<button data-t="go">Send comment</button></form></div></div>
<div id="sidebar" class="widget-area"><h2>Blogroll</h2><ul><li data-t="go"><a href="//a">Flour Power</a></li><li>
<a href="//b">Yeast of Eden</a></li>
<li><a href="//c">Rye and Shine</a></li></ul></div></div></body></html>""",
    "docs": """<html><body><nav class="sidebar"><ul><li data-t="go"><a href="i.html">Installing</a></li><li>
<a href="c.html">Configuring</a></li></ul></nav>
<main><div class="breadcrumbs"><a href="/" data-t="go">Documentation home</a> › <a href="/g">Guide</a></div>
<h1 data-t="stay">Configuring</h1><p data-t="stay">The file <code>pond.toml</code> says where the pond is.</p>
<pre data-t="stay">[pond]
depth = 3
  fish = "carp"</pre><div class="admonition note" role="note"><p data-t="stay">Depth is in metres.</p></div>
<aside><p data-t="stay">On Windows, write the path with slashes.</p></aside>
<h2 data-t="stay">Options</h2><table><tr><th>Option</th><th>Meaning</th></tr><tr><td data-t="stay">depth</td>
<td data-t="stay">how deep it is</td></tr>
<tr><td data-t="stay">fish</td><td>what swims</td></tr></table><dl><dt data-t="stay">heron</dt>
<dd data-t="stay">what fish fear</dd></dl>
<div class="pagination"><a href="p" data-t="go">Previous page</a> <a href="n">Next page</a></div></main>
<div role="contentinfo" data-t="go">Built with a generator of pages.</div></body></html>""",
    "wiki": """<html><body><div id="content"><h1 data-t="stay">Lake Varn</h1>
<div class="noprint" data-t="go">From Openpedia</div>
<p data-t="stay">Lake Varn is a <a href="l">lake</a> in the <a href="n">north</a> of 
<a href="m">Mellany</a>. It freezes from December to March.</p>
<div id="toc" class="toc"><h2>Contents</h2><ul><li><a href="#a" data-t="go">1 Geography of it</a></li><li>
<a href="#b">2 History</a></li><li><a href="#c">3 See</a></li></ul></div>
<h2 data-t="stay">Geography<span class="editsection"> [<a href="e" data-t="go">edit source</a>]</span></h2>
<table class="infobox"><tr><td data-t="stay">Area</td><td data-t="stay">41 km²</td></tr><tr><td>Depth</td>
<td data-t="stay">88 m</td></tr></table>
<p data-t="stay">Three rivers feed it: the Ume, the <a href="t">Tarr</a> and the Little Tarr.</p>
<h2 id="History" data-t="stay">History</h2><p data-t="stay">The first mill was built in 1702.<sup>
<a href="#n1">[1]</a></sup></p></div>
<div id="mw-navigation" role="navigation"><ul><li data-t="go"><a href="r">Random article</a></li><li>
<a href="h">Help</a></li></ul></div></body></html>""",
    "forum": """<html><body><div class="navbar"><a href="/">Boards</a> 
<a href="/faq" data-t="go">Frequent questions</a> <a href="/in">Log in</a></div>
<h1 data-t="stay">Chain slips in third gear</h1>
<div class="post"><div class="author"><a href="/u/1">spoke77</a></div>
<div class="body" data-t="stay">It slips only uphill. New chain. Any idea?</div></div>
<div class="post"><div class="author"><a href="/u/2">greasy</a></div>
<div class="body" data-t="stay">Cassette?</div></div>
<div class="post"><div class="author"><a href="/u/1">spoke77</a></div>
<div class="body"><blockquote data-t="stay">Cassette?</blockquote>
<span data-t="stay">That was it, thanks.</span></div></div>
<div class="pager"><a href="?1">1</a> <a href="?2">2</a> 
<a href="?3" data-t="go">Next thread</a></div></body></html>""",
    "product": """<html><body><header><div class="logo">Lantern &amp; Son</div><form role="search"><input>
<button data-t="go">Find lamps</button></form></header>
<main><div class="gallery"><img alt="a lamp"></div><h1 data-t="stay">Storm lantern, brass</h1>
<p data-t="stay">39.00 €</p>
<p data-t="stay">Burns eleven hours on one filling and does not go out in wind.</p><ul>
<li data-t="stay">Height: 28 cm</li><li data-t="stay">Weight: 900 g</li></ul>
<button data-t="go">Add to basket</button><section class="recommended"><h2 data-t="go">You may also like</h2><ul>
<li><a href="1" data-t="go">Wick, 3 m</a></li>
<li><a href="2">Lamp oil, 1 l</a></li><li><a href="3">Spare glass</a></li></ul></section></main>
<footer data-t="go">Free returns within 30 days</footer></body></html>""",
    "notice": """<html><body><div role="banner"><a href="/">Ministry of Roads</a></div>
<a class="skip-link" href="#c" data-t="go">Skip to main text</a>
<div id="c"><h1 data-t="stay">Closure of the B 41</h1>
<p data-t="stay">The road is closed from 3 to 9 May between Hallen and Orr.</p>
<ol><li data-t="stay">Diversions are signposted.</li><li data-t="stay">Buses stop at Orr church.</li></ol>
<p data-t="stay">Section 12 (3) of the Roads Act applies.</p><p>
<a href="/notice.pdf" data-t="stay">The full notice with its map is here.</a></p></div>
<div role="contentinfo"><ul><li><a href="/a" data-t="go">Accessibility statement</a></li><li>
<a href="/p">Privacy</a></li></ul></div></body></html>""",
    "divs": """<html><body><div class="wrapper"><div class="top-nav"><div><a href="1">Start</a></div><div>
<a href="2" data-t="go">Our services</a></div></div>
<div class="main-content"><div class="headline" data-t="stay">Why bees dance</div>
<div class="txt" data-t="stay">A bee that has found food dances on the comb.</div>
<div class="txt" data-t="stay">The angle gives the direction; the length gives the way.<br>
<br>Others follow her and fly.</div>
<div class="txt" data-t="stay">It works in the dark.</div></div><div class="right-sidebar"><div>
<a href="3" data-t="go">Buy our honey</a></div><div><a href="4">Visit us</a></div></div>
<div class="footer-links"><a href="5" data-t="go">Terms of use</a>
<a href="6">Contact</a></div></div></body></html>""",
    "nineties": """<html><head><title>Old Tram Page</title></head><body bgcolor=white><table width=100%><tr>
<td width=120 valign=top>
<a href=a.htm>Home</a><br><a href=b.htm data-t="go">Tram pictures</a><br><a href=c.htm>Time tables</a><br>
<a href=d.htm>Guest book</a></td>
<td><center><font size=6 data-t="stay">The trams of Orr</font></center>
<p data-t="stay">Orr had trams from 1899 to 1957. There were three lines and they were always late.
<p data-t="stay">Line 2 went to the sea. In summer it ran with open cars.<hr>
<p data-t="stay">I took all pictures myself!</td></tr></table></body></html>""",
    "recipe": """<html><body><header><nav><a href="/">Recipes</a></nav></header><article>
<h1 data-t="stay">Barley soup</h1><p data-t="stay">Serves 4</p>
<h2 data-t="stay">Ingredients</h2><ul><li data-t="stay">200 g barley</li><li data-t="stay">2 leeks</li>
<li data-t="stay">salt</li></ul>
<h2 data-t="stay">Method</h2><ol><li data-t="stay">Rinse the barley.</li>
<li data-t="stay">Cook it with the leeks for an hour.</li><li data-t="stay">Salt.</li></ol></article>
<div class="newsletter-signup"><p data-t="go">Get a soup every Friday by mail!</p></div><footer>
<a href="/i" data-t="go">Imprint of this site</a></footer></body></html>""",
    "short paragraphs": """<html><body><nav><a href="/" data-t="go">All stories</a></nav>
<h1 data-t="stay">Night bus</h1><p data-t="stay">“You again.”</p>
<p data-t="stay">“Me.”</p><p data-t="stay">Rain.</p><p data-t="stay">“Still no umbrella?”</p>
<p data-t="stay">“Never.”</p><p data-t="stay">* * *</p>
<p data-t="stay">The doors hissed</p></body></html>""",
    "russian": """<html lang="ru"><head><meta charset="utf-8"><title>Старый мост</title></head><body><nav>
<a href="/" data-t="go">Главная страница</a></nav>
<main><h1 data-t="stay">Старый мост открыт</h1><p data-t="stay">Мост через Варну снова открыт для пешеходов.</p>
<p data-t="stay">Автобусы пойдут с июня.</p></main>
<footer data-t="go">Все права защищены</footer></body></html>""",
    "chinese": """<html lang="zh"><head><meta charset="utf-8"></head><body><div class="nav"><a href="/">首页</a> 
<a href="/n" data-t="go">新闻中心</a> <a href="/c">联系</a></div>
<div class="content"><h1 data-t="stay">老桥重新开放</h1><p data-t="stay">昨天，老桥重新向行人开放。</p>
<p data-t="stay">公交车六月恢复。</p></div></body></html>""",
    "plain": """<title>Memo</title><h1 data-t="stay">Memo</h1><p data-t="stay">The pump is loud again.
<p data-t="stay">Please call <a href="tel:1" data-t="stay">the plumber</a>.""",
    "index": """<html><body><h1 data-t="stay">Files</h1><ul><li><a href="a" data-t="stay">Annual report</a></li><li>
<a href="b" data-t="stay">Budget</a></li>
<li><a href="c" data-t="stay">Minutes of May</a></li><li>
<a href="d" data-t="stay">Minutes of June</a></li></ul></body></html>""",
    "form around all": """<html><body><form id="aspnetForm"><div class="menu"><a href="/">Portal</a> 
<a href="/x" data-t="go">My account</a></div><div>
<h1 data-t="stay">Water supply</h1><p data-t="stay">Water is cut off on Monday from eight to ten.</p>
<p data-t="stay">Fill your kettles.</p></div></form></body></html>""",
    "restaurant": """<html><body><h1 data-t="stay">The Eel</h1><div class="menu">
<div class="menu-item" data-t="stay">Eel soup 7</div>
<div class="menu-item" data-t="stay">Smoked eel 14</div></div><div class="menu">
<div class="menu-item" data-t="stay">Apple cake 5</div></div></body></html>""",
    "standfirst": """<html><body><header class="page-header"><h1 data-t="stay">The last lamplighter</h1>
<p data-t="stay">Every evening Ida Brook lights forty lamps. She is seventy-three</p></header>
<article><p data-t="stay">She starts at the church and ends at the mill, and it takes her an hour and ten minutes.</p>
<p data-t="stay">In fog it takes two.</p><footer>
<p data-t="stay">Ida Brook was interviewed in October.</p></footer></article></body></html>""",
    "book of sections": """<html><body><section><header><h2 data-t="stay">I. The Pier</h2>
<p data-t="stay">“Salt is patient.”</p></header>
<p data-t="stay">Maren counted the boats twice.<a href="#n1">*</a></p><aside id="n1">
<p data-t="stay">* There were nine.</p></aside>
<footer><p data-t="stay">Written at Orr.</p></footer></section><section><header>
<h2 data-t="stay">II. The Hill</h2></header><p data-t="stay">Up.</p></section>
<div class="menu"><a href="/" data-t="go">All books of ours</a></div></body></html>""",
}
