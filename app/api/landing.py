"""The page that a browser shows where a code's link was opened outside WeChat."""

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
"""No script, no picture, no request: the address of this page holds a code."""

PAGE = """<!doctype html>
<html lang="zh">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<title>惠新码</title>
<style>
  body { font: 1.1rem/1.7 system-ui, sans-serif; margin: 18vh auto; max-width: 26rem; padding: 0 1.5rem;
         color: #222; background: #fff }
  h1 { font-size: 1.8rem; margin: 0 0 .6rem } p { margin: .4rem 0 } p + p { color: #666 }
</style>
<h1>惠新码</h1>
<p>请用微信扫一扫打开小程序。此页面不会使用或保存此码。</p>
<p lang="en">Scan with WeChat to open the mini-program. This page neither uses nor keeps the code.</p>
</html>
"""
